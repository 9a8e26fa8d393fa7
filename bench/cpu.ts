import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Reads the CPU time that a process has used since its start, in all its threads. */
export interface CpuClock {
  /** Reads the microseconds: exact while the process is idle, up to one kernel tick behind while it works. */
  read(): Promise<number>;
}

/** Whether the kernel reports the CPU time of threads; if not, servers report their `process.cpuUsage()`. */
export const hasSchedstat = existsSync('/proc/self/task') && existsSync('/proc/self/schedstat');

/** Creates the clock of a child process, which needs `reporter.ts` and an IPC channel if there is no schedstat. */
export function createCpuClock(child: ChildProcess): CpuClock {
  return hasSchedstat ? { read: async () => readSchedstat(child.pid ?? 0) } : { read: () => askReporter(child, 'cpu') };
}

/** Reads the CPU time of a local process in microseconds, except that of ended threads; no measured server ends any. */
export function readSchedstat(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    // Source: Documentation/scheduler/sched-stats.rst, the first number is the time spent on the processor.
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  }
  return nanoseconds / 1_000;
}

/** Requests a value from a child process that was started with `reporter.ts` and an IPC channel. */
export function askReporter(child: ChildProcess, what: 'cpu' | 'heap'): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('message', (answer) => resolve(Number(answer)));
    child.send(what, (error) => error && reject(error));
  });
}

/** Waits until a process is idle, after the work that was unfinished when the load stopped. */
export async function settle(cpu: CpuClock): Promise<void> {
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
export interface Cost {
  readonly server: number;
  /** The CPU time of other processes that work for the server; `undefined` if it is unknown. */
  readonly behind: number | undefined;
}

/**
 * Starts a measurement as soon as the server is idle.
 * @returns a function that waits until the server is idle again, and returns the CPU time used in between.
 */
export async function startMeter(server: CpuClock, behind: CpuClock | undefined): Promise<() => Promise<Cost>> {
  await settle(server);
  const [before, behindBefore = 0] = [await server.read(), await behind?.read()];
  return async () => {
    await settle(server);
    const [after, behindAfter] = [await server.read(), await behind?.read()];
    return { server: after - before, behind: behindAfter === undefined ? undefined : behindAfter - behindBefore };
  };
}
