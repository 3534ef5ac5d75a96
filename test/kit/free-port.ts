import { findFreePort } from '../../runtime/cli/start/port.ts'

/** Ports of loopback that nobody holds at the moment, no two alike: for programs that cannot be told to pick one by themselves. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) ports.add(await findFreePort('127.0.0.1'))
  return [...ports]
}

export async function freePort(): Promise<number> {
  return await findFreePort('127.0.0.1')
}
