import type { Text } from './node.ts'

/** What fills the `{blanks}` of a sentence. */
export type Facts = Readonly<Record<string, string | number>>

/** Something that is said: to programs by its code, which stays what it is, to people by the sentence of that code with the facts in it. */
export interface Saying<Code extends string = string> {
  readonly code: Code
  readonly facts: Facts
}

/** Sentences by their codes. */
export type Sayings<Code extends string = string> = Readonly<Record<Code, Text>>

/** What a table of this process has under a name that came from outside, and nothing that objects have by themselves. */
export function lookUp<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}

/** A sentence with its `{blanks}` filled in; one for which there is no fact stays as it is. */
export function fill(sentence: string, facts: Facts): string {
  return sentence.replace(/\{(\w+)\}/g, (whole, name: string) => String(lookUp(facts, name) ?? whole))
}
