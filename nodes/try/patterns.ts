import type { Fault } from '../../runtime/core/fault.ts'

/** `upstream.timeout`, `upstream.*`, `*`, `404`, `5xx`. */
export function isPattern(text: string): boolean {
  return text === '*' || /^[45](\d\d|xx)$/.test(text) || /^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*(\.\*)?$/.test(text)
}

/** Whether a fault is meant by any of the patterns. */
export function toMatcher(patterns: readonly string[]): (caught: Fault) => boolean {
  const tests = patterns.map((pattern): ((caught: Fault) => boolean) => {
    if (pattern === '*') return () => true
    if (/^\dxx$/.test(pattern)) return ({ status }) => Math.floor(status / 100) === Number(pattern[0])
    if (/^\d+$/.test(pattern)) return ({ status }) => status === Number(pattern)
    if (pattern.endsWith('.*')) return ({ code }) => code.startsWith(pattern.slice(0, -1))
    return ({ code }) => code === pattern
  })
  return (caught) => tests.some((test) => test(caught))
}
