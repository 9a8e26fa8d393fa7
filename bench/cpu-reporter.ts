/** Loaded into a server before its own code (`--import`) where /proc tells nothing: answers each IPC message with the CPU time used. */
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.(user + system);
});
// The channel alone must not keep the server alive.
process.channel?.unref();
