import type ivm from 'isolated-vm'

/** Processor time as the machine counts it, ms since some moment. By it, not by the clock, a script is judged. */
export interface CpuTime {
  /** Of what was done in an isolate, on whatever thread. Outside Linux isolated-vm knows only the clock's time in it. */
  ofIsolate(isolate: ivm.Isolate): number
  /** The same of an isolate that only this thread enters. */
  ofServing(isolate: ivm.Isolate): number
}

const ofIsolate = (isolate: ivm.Isolate): number => Number(isolate.cpuTime) / 1e6

function ofThread(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** Asking the isolate costs a fifth of asking for the thread. */
export const systemCpu: CpuTime = { ofIsolate, ofServing: process.platform === 'linux' ? ofIsolate : ofThread }
