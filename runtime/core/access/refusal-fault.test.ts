import { expect, test } from 'vitest'
import { fault, refusalFault } from '../fault.ts'

test('a refusal is a fault like any other, without the cost of a stack, and leaves the stacks of others alone', () => {
  const limit = Error.stackTraceLimit
  const refusal = refusalFault('queue.full', { resource: 'host' }, undefined, { 'Retry-After': '1' })
  expect(refusal).toMatchObject({ code: 'queue.full', status: 503, message: 'The line for host is full. Try again later.', headers: { 'Retry-After': '1' }, told: true })
  expect(refusal.stack).not.toContain('\n    at ')
  expect([Error.stackTraceLimit, fault('queue.full', {}).stack?.includes('\n    at ')]).toEqual([limit, true])
})

test('one with a cause is not taken for told: the log has to say the cause', () => {
  expect(refusalFault('auth.unavailable', {}, new Error('no route to host')).told).toBeUndefined()
})
