import type { Pipeline } from '../core/pipeline.ts'

/** Every pipeline that some deployment holds, by key, with the number of its holders. One that nobody holds is closed. */
export interface HeldPipelines {
  find(key: string): Pipeline | undefined
  /** Holds a pipeline, or in its place the equal one that another prepare has linked meanwhile. */
  hold(pipeline: Pipeline): Promise<Pipeline>
  letGo(pipelines: Iterable<Pipeline>): Promise<void>
  /** Closes them all, whoever holds them. */
  close(): Promise<void>
}

/** @param gone told the key of each pipeline that is let go of by its last holder, before it is closed */
export function createHeldPipelines(gone: (key: string) => void): HeldPipelines {
  const held = new Map<string, { pipeline: Pipeline; holders: number }>()
  return {
    find: (key) => held.get(key)?.pipeline,
    async hold(pipeline) {
      const entry = held.get(pipeline.key)
      if (!entry) {
        held.set(pipeline.key, { pipeline, holders: 1 })
        return pipeline
      }
      entry.holders++
      if (entry.pipeline !== pipeline) await pipeline.close()
      return entry.pipeline
    },
    async letGo(pipelines) {
      for (const { key } of pipelines) {
        const entry = held.get(key)
        if (!entry || --entry.holders > 0) continue
        held.delete(key)
        gone(key)
        await entry.pipeline.close()
      }
    },
    async close() {
      await Promise.all([...held.values()].map(({ pipeline }) => pipeline.close()))
      held.clear()
    },
  }
}
