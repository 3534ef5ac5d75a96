import { Job, Queue, Worker } from 'bullmq'
import type { Ended, Kept } from './redis-facts.ts'

/** What stands for the data of a job that nobody can read: it belongs to nobody, and its attempt finds nothing to decrypt. */
const unreadable: Kept = { f: '', n: '', r: '', o: 'nobody', s: '', expires: Number.MAX_SAFE_INTEGER, ttl: 60_000, keep: 0, back: [1000, 60_000], w: '' }

/** A job whose data are read whatever they are: one that threw here would stay under way for ever, and hold back those behind it. */
export class ReadableJob extends Job<Kept, Ended> {
  static override fromJSON: typeof Job.fromJSON = function fromJSON(this: typeof Job, queue, json, jobId) {
    let job: Job
    try {
      job = Job.fromJSON.call(this, queue, json, jobId)
    } catch {
      job = Job.fromJSON.call(this, queue, { ...json, data: '{}' }, jobId)
    }
    if (!isKept(job.data)) job.data = unreadable
    return job as never
  }
}

/** A queue of BullMQ whose jobs are {@link ReadableJob}s. */
export class ReadableQueue extends Queue<Kept> {
  protected override get Job(): typeof Job {
    return ReadableJob as typeof Job
  }
}

/** A worker of BullMQ whose jobs are {@link ReadableJob}s. */
export class ReadableWorker extends Worker<Kept, Ended> {
  protected override get Job(): typeof Job {
    return ReadableJob as typeof Job
  }
}

function isKept(data: Partial<Kept> | null): data is Kept {
  const { f, n, r, o, s, w, expires, ttl, keep, back } = data ?? {}
  return [f, n, r, o, s, w].every((part) => typeof part === 'string') && [expires, ttl, keep].every(Number.isFinite) && Array.isArray(back)
}
