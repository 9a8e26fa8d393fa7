/**
 * Loaded into a server before its own code (`--import`). It responds to the IPC message `cpu` with the used CPU time in
 * microseconds, and to `heap` with the bytes in use after a garbage collection, which needs `--expose-gc`.
 */
process.on('message', (request) => process.send?.(request === 'heap' ? readHeap() : readCpu()));
// The IPC channel must not keep the server alive.
process.channel?.unref();

function readCpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function readHeap(): number {
  // The second collection frees what the finalizers of the first have released.
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
