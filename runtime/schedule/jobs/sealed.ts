import { fault } from '../../core/fault.ts'
import { jobLimitBytes } from '../../core/jobs/jobs.ts'
import { seal, unseal } from '../../core/secrets/seal.ts'

/** Encrypts what a job is given and what it comes to. A sealed text is of use for its own job only. */
export interface JobSeal {
  /** @throws Fault `job.too_large` */
  seal(id: string, what: 'body' | 'result', value: unknown): string
  /** @throws Error when it was sealed by another key, or for another job */
  unseal(id: string, what: 'body' | 'result', sealed: string): unknown
}

export function createJobSeal(key: Buffer): JobSeal {
  return {
    seal(id, what, value) {
      const text = JSON.stringify(value ?? null)
      const bytes = Buffer.byteLength(text)
      if (bytes > jobLimitBytes) throw fault('job.too_large', { what, bytes, limitBytes: jobLimitBytes })
      return seal(key, text, `job ${what} ${id}`)
    },
    unseal: (id, what, sealed) => JSON.parse(unseal(key, sealed, `job ${what} ${id}`)) as unknown,
  }
}
