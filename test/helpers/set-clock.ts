// This module is imported before the program. The program's wall clock starts `CLOCK_OFFSET_MS` ahead; each SIGUSR2
// sets the clock back by an hour, and each SIGWINCH sets it forward by an hour.
const systemNow = Date.now;
let offsetMs = Number(process.env.CLOCK_OFFSET_MS ?? 0);
Date.now = () => systemNow() + offsetMs;
process.on('SIGUSR2', () => {
  offsetMs -= 3_600_000;
  process.stderr.write('clock set back\n');
});
process.on('SIGWINCH', () => {
  offsetMs += 3_600_000;
  process.stderr.write('clock set forward\n');
});

export {};
