import type { Perform, WorkSpec } from '../../core/jobs/jobs.ts'

/** Who does a work in this gateway, by revision. */
export class Handlers {
  readonly #open: { readonly spec: WorkSpec; readonly perform: Perform }[] = []

  add(spec: WorkSpec, perform: Perform): () => void {
    const entry = { spec, perform }
    this.#open.push(entry)
    return () => {
      const at = this.#open.indexOf(entry)
      if (at >= 0) this.#open.splice(at, 1)
    }
  }

  get newest(): WorkSpec | undefined {
    return this.#open.at(-1)?.spec
  }

  /** The revision that the job was accepted on, else the newest. */
  of(revision: string): Perform | undefined {
    return (this.#open.findLast(({ spec }) => spec.revision === revision) ?? this.#open.at(-1))?.perform
  }
}
