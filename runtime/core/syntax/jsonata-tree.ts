import jsonata from 'jsonata'
import { BoundedMap } from '../bounded-map.ts'

/** A node of the tree that the JSONata library makes of an expression (https://docs.jsonata.org). */
export interface JsonataTree {
  readonly type?: string
  readonly [key: string]: unknown
}

/** An expression that does not compile. */
export class JsonataSyntaxError extends Error {
  override readonly name = 'JsonataSyntaxError'
  /** Characters before the place, when the library names one. */
  readonly position: number | undefined
  constructor(message: string, position: number | undefined, cause: unknown) {
    super(message, { cause })
    this.position = position
  }
}

/** Whoever checks an expression, follows what it reads and asks what it depends on do so one after the other. */
const trees = new BoundedMap<JsonataTree>(16)

/**
 * The syntax tree of an expression; nothing is evaluated. Do not change it: it is given to others, too.
 * @throws JsonataSyntaxError
 */
export function parseJsonata(text: string): JsonataTree {
  const known = trees.get(text)
  if (known) return known
  try {
    const tree = jsonata(text).ast() as unknown as JsonataTree
    trees.set(text, tree)
    return tree
  } catch (error) {
    const { message = String(error), position } = error as { message?: string; position?: number }
    throw new JsonataSyntaxError(message, position, error)
  }
}
