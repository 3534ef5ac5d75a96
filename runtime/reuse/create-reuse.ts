import type { MemoInputs, Reuse } from '../core/reuse.ts'
import type { Run } from '../core/run.ts'
import { BoundedMap } from '../core/bounded-map.ts'
import { createMemo, createObjectNames } from './memo.ts'
import { createReusedSandbox } from './reused-sandbox.ts'
import { createReusedUpstream, type LastAnswer } from './reused-upstream.ts'

export interface ReuseOptions {
  /** Most that answers and results may hold together, as far as known. */
  readonly limitBytes: number
}

/** What of the memory results of expressions may take; the rest is for answers of upstreams. */
const resultsShare = 1 / 4

/** Keeps what is used again, apart by node and credentials, for all flows of a gateway together. */
export function createReuse({ limitBytes }: ReuseOptions): Reuse {
  const answers = new BoundedMap<LastAnswer>(limitBytes * (1 - resultsShare))
  const results = new BoundedMap<unknown>(limitBytes * resultsShare)
  const nameOf = createObjectNames()
  /** Flows that want none, with how many of their nodes live. */
  const off = new Map<string, number>()
  let count = 0
  const isOff = (flow: string) => off.size > 0 && off.has(flow)

  return {
    get bytes() {
      return answers.weight + results.weight
    },
    forNode({ id, flow }, { upstream, sandbox }, wanted) {
      if (!wanted) {
        off.set(flow, (off.get(flow) ?? 0) + 1)
        return {
          upstream, sandbox,
          remember: () => (_inputs, _run, compute) => compute(),
          close() {
            const left = (off.get(flow) ?? 1) - 1
            if (left > 0) off.set(flow, left)
            else off.delete(flow)
          },
        }
      }
      // A node that is deployed anew begins anew.
      const place = `${flow}/${id}/${++count}`
      let memos = 0
      return {
        upstream: createReusedUpstream(upstream, { answers, place, node: id, isOff }),
        sandbox: createReusedSandbox(sandbox, { node: id, isOff, createMemo: () => createMemo(nameOf, results, `${place}/${++memos}`) }),
        remember() {
          const memo = createMemo(nameOf, results, `${place}/${++memos}`)
          return <T>(inputs: MemoInputs, run: Run, compute: () => T): T => (isOff(run.flow) ? compute() : (memo.of(inputs, compute, run.trace ? () => run.trace?.note(id, { reused: 'step' }) : undefined) as T))
        },
        // What it held goes as others need the room.
        close() {},
      }
    },
    clear() {
      answers.clear()
      results.clear()
    },
  }
}
