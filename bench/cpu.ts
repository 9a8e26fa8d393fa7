import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Tells how much processor time a process has used since its start, all its threads together. */
export interface CpuClock {
  /** In microseconds. Exact while the process is idle; behind by up to one tick of the kernel while it works. */
  read(): Promise<number>;
}

/** Whether the kernel tells the time of single threads; else servers are asked for `process.cpuUsage()`. */
export const hasSchedstat = existsSync('/proc/self/task') && existsSync('/proc/self/schedstat');

/** Makes the clock of a child process; without schedstat it must have been started with `reporter.ts` and an IPC channel. */
export function createCpuClock(child: ChildProcess): CpuClock {
  return hasSchedstat ? { read: async () => readSchedstat(child.pid ?? 0) } : { read: () => askReporter(child, 'cpu') };
}

/** In microseconds, of a process of this machine. Threads that have ended are not counted; no server ends any while it is measured. */
export function readSchedstat(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    // Source: Documentation/scheduler/sched-stats.rst, the first number is the time spent on the processor.
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  }
  return nanoseconds / 1_000;
}

/** Asks a child process that was started with `reporter.ts` and an IPC channel. */
export function askReporter(child: ChildProcess, what: 'cpu' | 'heap'): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('message', (answer) => resolve(Number(answer)));
    child.send(what, (error) => error && reject(error));
  });
}

/** Waits until a process has nothing left to do: what was still on its way when the load stopped. */
export async function settle(cpu: CpuClock): Promise<void> {
  let before = await cpu.read();
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const after = await cpu.read();
    if (after - before < IDLE_MICROSECONDS) return;
    before = after;
  }
}

/** In 100 ms: less than one garbage collection, more than the timers of an idle process. */
const IDLE_MICROSECONDS = 5_000;

/** Processor time in microseconds. */
export interface Cost {
  readonly server: number;
  /** Of what works for the server in other processes; `undefined` where that cannot be told. */
  readonly behind: number | undefined;
}

/**
 * Begins to measure as soon as the server has nothing left to do.
 * @returns a function that waits for that again, and tells what it took in between.
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
