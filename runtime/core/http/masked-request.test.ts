import { describe, expect, it } from 'vitest'
import { fakeRun } from '../../../test/kit/fake-run.ts'
import { maskMessage } from './masked-request.ts'
import type { RequestFacts } from './request-facts.ts'

const mask = { headers: ['x-api-key'], query: ['key'] }
const query = { key: 's3cret', q: 'x' }
const url = '/a?key=s3cret&q=x&%6bey=s3cret&key%5B%5D=s3cret&%5Bkey]=s3cret&[key][x]=s3cret'
const plain = fakeRun({ request: { headers: { 'x-api-key': 's3cret', accept: '*/*' }, query, url, originalUrl: url, path: '/a' } }).request as RequestFacts
/** As the front gives it: an instance, not a plain object. */
const request = Object.create(plain) as RequestFacts

describe('a masked message', () => {
  it('shows the request without what is masked, and everything else of it', () => {
    const { req } = maskMessage({ req: request, payload: 1 }, request, mask) as unknown as { req: RequestFacts }
    expect(req.headers).toEqual({ accept: '*/*' })
    expect(req.query).toEqual({ q: 'x' })
    expect(req.url).toBe('/a?q=x')
    expect(req.originalUrl).toBe('/a?q=x')
    expect([req.method, req.path, req.route, req.ip, req.hostname, req.protocol]).toEqual(['GET', '/a', '/', '127.0.0.1', 'localhost', 'http'])
    expect(JSON.stringify(req)).not.toContain('s3cret')
  })

  it('lacks it in a payload that is the query, or a copy of it, and in a copied request', () => {
    for (const given of [{ req: request, payload: query }, { payload: { ...query } }, { req: { ...plain, headers: { 'X-Api-Key': 's3cret' } } }]) {
      expect(JSON.stringify(maskMessage(given, request, mask))).not.toContain('s3cret')
    }
  })

  it('keeps a payload that merely has a field of that name', () => {
    expect(maskMessage({ payload: { key: 'other' } }, request, mask).payload).toEqual({ key: 'other' })
  })

  it('is the message itself when there is nothing to mask', () => {
    const message = { payload: 1, req: request }
    expect(maskMessage(message, request, { headers: [], query: [] })).toBe(message)
  })
})
