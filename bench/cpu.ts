import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Reads the CPU time that a process has used since its start, in all its threads. */
export interface CpuClock {
  /** Reads the microseconds: exact for an idle process, up to one kernel tick late for a busy one. */
  read(): Promise<number>;
}

/** Whether the kernel reports the CPU time of threads; if not, servers report their `process.cpuUsage()`. */
export const hasSchedstat = existsSync('/proc/self/task') && existsSync('/proc/self/schedstat');

/** Creates the clock of a child process, which needs `reporter.ts` and an IPC channel if there is no schedstat. */
export function createCpuClock(child: ChildProcess): CpuClock {
  return hasSchedstat
    ? { read: async () => readSchedstat(child.pid ?? 0) }
    : { read: () => requestFromReporter(child, 'cpu') };
}

/** Reads the CPU time of a local process in microseconds, without ended threads. No measured server ends threads. */
export function readSchedstat(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    // Source: Documentation/scheduler/sched-stats.rst, the first number is the time spent on the processor.
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  }
  return nanoseconds / 1_000;
}

/** Requests a value from a child process that was started with `reporter.ts` and an IPC channel. */
export function requestFromReporter(child: ChildProcess, request: 'cpu' | 'heap'): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('message', (answer) => resolve(Number(answer)));
    child.send(request, (error) => error && reject(error));
  });
}

/** Waits until a process is idle: a server may still work after the load has stopped. */
export async function waitUntilIdle(cpu: CpuClock): Promise<void> {
  let before = await cpu.read();
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const after = await cpu.read();
    if (after - before < IDLE_MICROSECONDS) return;
    before = after;
  }
}

/** The maximum CPU time of an idle process in 100 ms: less than a garbage collection, more than timers need. */
const IDLE_MICROSECONDS = 5_000;

/** CPU time in microseconds. */
export interface CpuCost {
  readonly server: number;
  /** The CPU time of other processes that work for the server; `undefined` if it is unknown. */
  readonly backend: number | undefined;
}

/**
 * Starts a measurement as soon as the server is idle.
 * @returns a function that waits until the server is idle again, and returns the CPU time used in between.
 */
export async function startCpuMeter(
  server: CpuClock,
  backendCpu: CpuClock | undefined,
): Promise<() => Promise<CpuCost>> {
  await waitUntilIdle(server);
  const [before, backendBefore = 0] = [await server.read(), await backendCpu?.read()];
  return async () => {
    await waitUntilIdle(server);
    const [after, backendAfter] = [await server.read(), await backendCpu?.read()];
    return { server: after - before, backend: backendAfter === undefined ? undefined : backendAfter - backendBefore };
  };
}
