import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'

/** The server under test has a core of its own; everything that loads it or answers it has the other. */
export const serverCore = 0
export const loadCore = 1

const canPin = process.platform === 'linux' && cpus().length >= 2

/** A command line that runs on one core only; unchanged where the machine cannot pin. */
export function pinned(core: number, program: string, args: readonly string[]): { program: string; args: string[] } {
  return canPin ? { program: 'taskset', args: ['-c', String(core), program, ...args] } : { program, args: [...args] }
}

/** CPU time a process and all its threads have used so far, in ms (proc(5), fields 14 and 15, 100 ticks a second). */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** Resident memory of a process in MB. */
export function residentMb(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1] ?? 0) / 1024
}

export function describeMachine(): string {
  const all = cpus()
  return `${all.length} × ${all[0]?.model.trim() ?? 'unknown CPU'}, Node ${process.version}`
}
