//! Counts in Redis, where nodes keep them together: GCRA in one script, one round trip.
//!
//! For each client and quota one number: when its next unit would be due at an even pace, in microseconds of Redis'
//! own clock, so that the clocks of nodes do not matter. It expires when the client's bucket is full again. Names are
//! hashed, for an address is nobody else's business.

use redis::Script;
use sha2::{Digest, Sha256};

use super::{Counts, Quota, Rate, Spent};
use crate::state;

/// Spends one unit. All numbers are whole and below 2^53, so nothing is rounded.
const SPEND: &str = r"
local unit = tonumber(ARGV[1])
local limit = tonumber(ARGV[2])
local burst = unit * limit
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local due = tonumber(redis.call('GET', KEYS[1]) or now)
-- Further ahead only when the clock was set back, or the limit was changed.
due = math.min(math.max(due, now), now + burst)
local granted = 0
if due + unit <= now + burst then
  granted = 1
  due = due + unit
  redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000))
end
local remaining = math.floor((burst - (due - now)) / unit)
return { granted, remaining, (due - now) - (burst - (remaining + 1) * unit) }
";

/// Gives one unit back.
const GIVE_BACK: &str = r"
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local due = tonumber(redis.call('GET', KEYS[1]) or now) - tonumber(ARGV[1])
if due > now then
  redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000))
else
  redis.call('DEL', KEYS[1])
end
";

/// Counts that nodes keep together.
pub struct Redis {
    give_back: Script,
    redis: state::Redis,
    spend: Script,
}

impl Redis {
    /// Counts over a connection.
    pub fn new(redis: state::Redis) -> Redis {
        Redis { give_back: Script::new(GIVE_BACK), redis, spend: Script::new(SPEND) }
    }
}

impl Counts for Redis {
    async fn spend(&self, client: &str, quota: Quota, rate: Rate) -> Result<Spent, state::Error> {
        if rate.limit == 0 {
            return Ok(Spent { granted: false, remaining: 0, reset: rate.window });
        }
        let mut call = self.spend.key(key(client, quota));
        call.arg(unit(rate)).arg(rate.limit);
        // Asked again it may cost a second unit, which comes back; not counted, the client would have a whole hour's from
        // this node alone.
        let (granted, remaining, reset): (u8, u32, u64) = self.redis.run(&call).await?;
        let reset = std::time::Duration::from_micros(reset);
        Ok(Spent { granted: granted == 1, remaining, reset })
    }

    async fn give_back(&self, client: &str, quota: Quota, rate: Rate) -> Result<(), state::Error> {
        let mut call = self.give_back.key(key(client, quota));
        // Given back twice it would be one more than was spent.
        self.redis.run_once(call.arg(unit(rate))).await
    }
}

/// Where a client's count stands.
fn key(client: &str, quota: Quota) -> String {
    format!("zipstream:quota:{}:{}", quota.as_str(), hex::encode(Sha256::digest(client)))
}

/// The time in which one unit comes back, in microseconds.
fn unit(rate: Rate) -> String {
    rate.window.checked_div(rate.limit).unwrap_or(rate.window).as_micros().max(1).to_string()
}
