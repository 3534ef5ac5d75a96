import { describe, expect, it } from 'vitest'
import { areUntouchedUpstreamHeaders, markUpstreamHeaders, withoutUpstreamMark } from './upstream-headers.ts'

describe('headers of an upstream’s answer', () => {
  const headers = { 'content-type': 'text/plain', 'set-cookie': ['a=1', 'b=2'] }
  it('are known again, also after a copy through JSON, until the flow changes them', () => {
    const marked = markUpstreamHeaders(headers)
    expect(areUntouchedUpstreamHeaders(marked)).toBe(true)
    expect(areUntouchedUpstreamHeaders(JSON.parse(JSON.stringify(marked)))).toBe(true)
    expect(areUntouchedUpstreamHeaders({ ...marked, 'x-mine': '1' })).toBe(false)
    expect(areUntouchedUpstreamHeaders({ ...marked, 'content-type': 'text/html' })).toBe(false)
  })
  it('are not taken for such without the mark', () => {
    for (const value of [headers, {}, null, undefined, 'x']) expect(areUntouchedUpstreamHeaders(value)).toBe(false)
    expect(withoutUpstreamMark(markUpstreamHeaders(headers))).toEqual(headers)
  })
})
