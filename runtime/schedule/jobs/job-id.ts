import { createHash, randomBytes } from 'node:crypto'
import type { WorkName } from '../../core/jobs/jobs.ts'

/** Short name of a work: the first part of the ids of its jobs. */
export function workHash({ flow, node, part = '' }: WorkName): string {
  return createHash('sha256').update(JSON.stringify([flow, node, part])).digest('base64url').replaceAll(/[-_]/g, '0').slice(0, 12)
}

/** An id that says which work the job is of, and that nobody can guess unless `key` can be. */
export function jobId(work: WorkName, key: string = randomBytes(18).toString('base64url')): string {
  return `${workHash(work)}.${key}`
}

/** The work that an id names; `undefined` for what is no id. */
export function workOfId(id: string): string | undefined {
  return /^(?<work>[A-Za-z0-9]{12})\.[\w.-]{1,100}$/.exec(id)?.groups?.['work']
}
