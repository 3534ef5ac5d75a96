import type { Clock } from '../core/time/clock.ts'
import type { GatewayEvent } from '../core/deployer.ts'

const queueEvents = 1000
const eventBytes = 64 * 1024
const batchBytes = 2 * 1024 * 1024
const gatherMs = 25

/** Status and debug events on their way to control, in batches. What does not fit is dropped and counted: serving comes first. */
export function createOutbox({ clock, post }: { clock: Clock; post: (body: { events: unknown[]; dropped: number }) => Promise<void> }) {
  let queue: string[] = []
  let dropped = 0
  let busy = false
  let planned = false

  function plan(): void {
    if (planned || busy) return
    planned = true
    clock.setTimer(() => {
      planned = false
      void flush()
    }, gatherMs)
  }

  async function flush(): Promise<void> {
    if (busy || queue.length === 0) return
    busy = true
    const batch = takeBatch()
    const lost = dropped
    dropped = 0
    try {
      await post({ events: batch.map((text) => JSON.parse(text) as unknown), dropped: lost })
    } catch {
      dropped += lost + batch.length
    }
    busy = false
    if (queue.length > 0) plan()
  }

  function takeBatch(): string[] {
    let bytes = 0
    let count = 0
    while (count < queue.length && bytes <= batchBytes) bytes += (queue[count++] as string).length
    const batch = queue.slice(0, count)
    queue = queue.slice(count)
    return batch
  }

  return {
    publish(event: GatewayEvent): void {
      const text = toText(event)
      if (text === undefined || queue.length >= queueEvents) {
        dropped++
        return
      }
      queue.push(text)
      plan()
    },
    get dropped() {
      return dropped
    },
  }
}

/** JSON of an event. What JSON has no words for is described; what is too large is said to be so. */
function toText(event: GatewayEvent): string | undefined {
  try {
    const text = JSON.stringify(event, (_key, value: unknown) => {
      if (typeof value === 'bigint') return `${value}n`
      if (typeof value === 'function') return '[function]'
      if (value instanceof Error) return { name: value.name, message: value.message }
      return value
    })
    if (text.length <= eventBytes) return text
    if (event.kind !== 'debug') return undefined
    return JSON.stringify({ ...event, entry: { ...event.entry, topic: undefined, msg: `[${text.length} characters: too large to show]` } })
  } catch {
    if (event.kind !== 'debug') return undefined
    return JSON.stringify({ ...event, entry: { id: event.entry.id, name: event.entry.name, property: event.entry.property, msg: '[a value that JSON cannot hold]' } })
  }
}
