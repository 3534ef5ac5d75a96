import { fault } from '../fault.ts'
import { toPointerPart } from './pointer.ts'

/** One way in which a value does not fit. It never holds the value: that may be a secret of the caller's. */
export interface SchemaError {
  /** JSON pointer (RFC 6901) into the value; of what is missing or too much: where it is, or would be. */
  readonly pointer: string
  readonly keyword: string
  /** Goes on from the place: “must be integer”. */
  readonly message: string
}

/** What was looked at in an object or list by the schemas that it fitted: `unevaluatedProperties` and `unevaluatedItems` are about the rest. */
export interface Seen {
  readonly properties: Set<string>
  readonly items: Set<number>
  /** Items before this place. */
  itemsBefore: number
}

export function nothingSeen(): Seen {
  return { properties: new Set(), items: new Set(), itemsBefore: 0 }
}

export function seeAll(into: Seen, from: Seen): void {
  for (const name of from.properties) into.properties.add(name)
  for (const item of from.items) into.items.add(item)
  into.itemsBefore = Math.max(into.itemsBefore, from.itemsBefore)
}

/** Whether a value fits. What does not is noted in the context, unless that is quiet. */
export type Check = (value: unknown, context: CheckContext, seen?: Seen) => boolean

/** Schemas inside each other that one value may meet, before the stack would end. */
const depthLimit = 1500
const partLimit = 100

/** One check of one value: where it is, what it found, and how much it may still do. */
export class CheckContext {
  readonly path: (string | number)[] = []
  /** Resources that were entered by reference, outermost first: `$dynamicRef` looks there. */
  readonly resources: string[] = []
  /** Undefined while alternatives are only tried. */
  errors: SchemaError[] | undefined = []
  readonly #errorLimit: number
  readonly #workLimit: number
  #work = 0
  #depth = 0

  constructor(errorLimit: number, workLimit: number) {
    this.#errorLimit = errorLimit
    this.#workLimit = workLimit
  }

  /** Looking on would tell nobody anything. */
  get isDone(): boolean {
    return this.errors === undefined || this.errors.length >= this.#errorLimit
  }

  fail(keyword: string, message: string, below?: string): false {
    if (this.errors !== undefined && this.errors.length < this.#errorLimit) {
      const path = below === undefined ? this.path : [...this.path, below]
      this.errors.push({ pointer: path.map((part) => `/${toPointerPart(typeof part === 'string' ? part.slice(0, partLimit) : part)}`).join(''), keyword, message })
    }
    return false
  }

  /** @throws Fault `schema.work` when the value asks for more work than is given */
  work(amount: number): void {
    this.#work += amount
    if (this.#work > this.#workLimit) throw fault('schema.work', { limit: this.#workLimit })
  }

  enter(): void {
    this.work(1)
    if (++this.#depth > depthLimit) throw fault('schema.work', { limit: depthLimit })
  }

  leave(): void {
    this.#depth--
  }

  /** Tries without keeping what it finds wrong. */
  quietly(check: () => boolean): boolean {
    return this.#noting(undefined, check)
  }

  /** Tries, and gives what it finds wrong. */
  noted(check: () => boolean): readonly SchemaError[] {
    const errors: SchemaError[] = []
    return this.#noting(errors, check) ? [] : errors
  }

  #noting(errors: SchemaError[] | undefined, check: () => boolean): boolean {
    const kept = this.errors
    this.errors = errors
    const value = check()
    this.errors = kept
    return value
  }
}
