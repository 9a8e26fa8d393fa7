/**
 * Loaded into a server before its own code (`--import`): answers the IPC messages `cpu` with the CPU time used, in
 * microseconds, and `heap` with the bytes in use after a collection, for which it must run with `--expose-gc`.
 */
process.on('message', (asked) => process.send?.(asked === 'heap' ? readHeap() : readCpu()));
// The channel alone must not keep the server alive.
process.channel?.unref();

function readCpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function readHeap(): number {
  // The second takes what the finalizers of the first have let go.
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
