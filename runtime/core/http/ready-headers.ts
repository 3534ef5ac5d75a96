/** Under this a headers object says its names and values in turn, checked: who writes the answer looks through nothing. */
export const readyHeaders: unique symbol = Symbol('ready headers')

export interface ReadyHeaders {
  readonly list: readonly string[]
  /** Where in the list the value of Content-Type stands, or -1. */
  readonly typeAt: number
}

/** A frozen headers object that is given many times. Only for headers that have been sent before. */
export function toReadyHeaders(headers: Readonly<Record<string, string | readonly string[]>>): Readonly<Record<string, unknown>> {
  const list: string[] = []
  let typeAt = -1
  for (const [name, value] of Object.entries(headers)) {
    if (name.toLowerCase() === 'content-type') typeAt = list.length + 1
    if (typeof value === 'string') list.push(name, value)
    else for (const one of value) list.push(name, one)
  }
  // Not to be seen by whoever copies or lists the headers: a copy may be changed.
  return Object.freeze(Object.defineProperty({ ...headers }, readyHeaders, { value: { list, typeAt } satisfies ReadyHeaders, enumerable: false }))
}
