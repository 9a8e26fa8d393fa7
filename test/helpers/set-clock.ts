// Imported before the program: its wall clock is `CLOCK_OFFSET_MS` ahead, set back by an hour at each SIGUSR2, and
// forth by an hour at each SIGWINCH.
const machine = Date.now;
let offsetMs = Number(process.env.CLOCK_OFFSET_MS ?? 0);
Date.now = () => machine() + offsetMs;
process.on('SIGUSR2', () => {
  offsetMs -= 3_600_000;
  process.stderr.write('clock set back\n');
});
process.on('SIGWINCH', () => {
  offsetMs += 3_600_000;
  process.stderr.write('clock set forth\n');
});

export {};
