import { toFault } from '../../core/fault.ts'
import type { Attempt, AttemptEnd, JobFacts, JobProgress, Perform } from '../../core/jobs/jobs.ts'

/** Attempts under way in this gateway, so that they can be told when their job is cancelled. */
export class AttemptsUnderWay {
  readonly #cancels = new Map<string, Set<() => void>>()
  readonly #running = new Set<Promise<unknown>>()

  get size(): number {
    return this.#running.size
  }

  /** Never rejects: what perform throws is a failed attempt. */
  async run(perform: Perform, input: { readonly facts: JobFacts; readonly body: unknown; readonly last: boolean; progress(progress: JobProgress): void }): Promise<AttemptEnd> {
    const listeners = new Set<() => void>()
    this.#cancels.set(input.facts.id, listeners)
    const attempt: Attempt = {
      ...input,
      onCancel(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    }
    const running = Promise.resolve().then(() => perform(attempt))
    this.#running.add(running)
    try {
      return await running
    } catch (thrown) {
      const { code, title, message, quiet } = toFault(thrown)
      return { kind: 'failed', code, message: quiet ? title : message }
    } finally {
      this.#running.delete(running)
      if (this.#cancels.get(input.facts.id) === listeners) this.#cancels.delete(input.facts.id)
    }
  }

  cancel(id: string): void {
    for (const listener of this.#cancels.get(id) ?? []) listener()
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running)
  }
}
