import { fault } from '../../../runtime/core/fault.ts'
import type { FaultCode } from '../../../runtime/core/faults.ts'
import type { LabelMap } from '../../../runtime/core/labels/label-map.ts'
import type { Leak } from '../../../runtime/core/labels/labels.ts'
import { labelsOfValue } from '../../../runtime/core/labels/of-value.ts'
import type { Message } from '../../../runtime/core/message.ts'
import type { Run } from '../../../runtime/core/run.ts'
import type { TypedValue } from '../../../runtime/core/values/typed-value.ts'

export const numberTypes = ['num', 'msg', 'jsonata', 'env'] as const
export type NumberType = (typeof numberTypes)[number]

/** A number, or where it comes from. */
export const numberSchema = (standard: string, title: string, description: string) => ({ type: ['string', 'number'], default: standard, title, description }) as const
export const numberTypeSchema = { enum: numberTypes, default: 'num' } as const

/** Numbers of a limit that come out of a message: callers are told them in headers, and operators in what was decided. */
export function leaksOfNumbers(rows: readonly (readonly [what: string, property: string, value: string | number, type: string])[], input: LabelMap): readonly Leak[] {
  return rows.map(([what, property, value, type]): Leak => ({ to: 'answer', what, property, labels: labelsOfValue(value, type, input) })).filter(({ labels }) => !labels.isEmpty)
}

/** Reads typed values for a message. Gives a promise only when one of them does. */
export function createReader(inputs: readonly TypedValue[]): (message: Message, run: Run) => readonly unknown[] | Promise<readonly unknown[]> {
  if (inputs.every((input) => input.constant)) {
    const values = inputs.map((input) => input.value)
    return () => values
  }
  return (message, run) => {
    const values: unknown[] = []
    let later = false
    try {
      for (const input of inputs) {
        const value = input.evaluate(message, run)
        if (value instanceof Promise) later = true
        values.push(value)
      }
    } catch (error) {
      for (const value of values) if (value instanceof Promise) value.catch(() => {}) // what is still under way must not fail unheard
      throw error
    }
    return later ? Promise.all(values) : values
  }
}

/** A whole number from `least`; text that is one counts, as it comes from a header or the environment. @throws Fault `code` */
export function toWhole(value: unknown, least: number, code: FaultCode): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= least) return number
  throw fault(code, { least, is: value === undefined ? 'missing' : describe(value) })
}

function describe(value: unknown): string {
  const text = typeof value === 'object' ? typeof value : String(value)
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}

/** Goes on with a value that may still be on its way. */
export function after<T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}
