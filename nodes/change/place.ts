import type { Message } from '../../runtime/core/message.ts'
import type { Scope } from '../../runtime/core/node.ts'
import { deleteProperty, getProperty, parseMessagePath, setProperty } from '../../runtime/core/values/property.ts'
import { parseContextKey } from '../../runtime/core/values/typed-value.ts'

/** Where a rule reads or writes: a property of the message, or a key of a context. */
export interface Place {
  get(message: Message): unknown
  /** False when the parent is missing: Node-RED leaves a rule out then. */
  reachable(message: Message): boolean
  /** The message after setting; `undefined` when the place cannot be set. `undefined` as value deletes. */
  set(message: Message, value: unknown): Message | undefined
  delete(message: Message): Message
}

/** @throws PathError */
export function toPlace(type: string, text: string, contexts: Scope['contexts']): Place {
  if (type !== 'flow' && type !== 'global') return messagePlace(text)
  const context = contexts[type]
  const key = parseContextKey(text)
  return {
    get(message) {
      const at = key.toKey(message)
      return at === undefined ? undefined : context.get(at)
    },
    reachable: (message) => key.toKey(message) !== undefined,
    set(message, value) {
      const at = key.toKey(message)
      if (at === undefined) return undefined
      context.set(at, value)
      return message
    },
    delete(message) {
      const at = key.toKey(message)
      if (at !== undefined) context.delete(at)
      return message
    },
  }
}

function messagePlace(text: string): Place {
  const path = parseMessagePath(text)
  const parent = path.slice(0, -1)
  return {
    get: (message) => getProperty(message, path),
    reachable: parent.length === 0 ? () => true : (message) => getProperty(message, parent) != null,
    set: (message, value) => setProperty(message, path, value),
    delete: (message) => deleteProperty(message, path),
  }
}
