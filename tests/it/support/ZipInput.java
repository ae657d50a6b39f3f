// Reads an archive front to back with ZipInputStream and prints size, digest and name of each entry.
import java.io.*;
import java.security.MessageDigest;
import java.util.zip.*;

public class ZipInput {
    public static void main(String[] args) throws Exception {
        boolean sha = args[0].equals("sha256");
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, "UTF-8");
        byte[] buffer = new byte[1 << 20];
        try (ZipInputStream in = new ZipInputStream(new BufferedInputStream(new FileInputStream(args[1]), 1 << 20))) {
            for (ZipEntry entry; (entry = in.getNextEntry()) != null; ) {
                MessageDigest digest = MessageDigest.getInstance("SHA-256");
                CRC32 crc = new CRC32();
                long size = 0;
                for (int n; (n = in.read(buffer)) >= 0; size += n) {
                    if (sha) digest.update(buffer, 0, n); else crc.update(buffer, 0, n);
                }
                StringBuilder hex = new StringBuilder();
                if (sha) for (byte b : digest.digest()) hex.append(String.format("%02x", b));
                else hex.append(String.format("%08x", crc.getValue()));
                out.println(size + " " + hex + " " + entry.getName());
            }
        }
        out.flush();
    }
}
