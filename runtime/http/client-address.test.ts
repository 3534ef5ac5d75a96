import { expect, it } from 'vitest'
import { clientAddress, createTrust } from './client-address.ts'

const trusts = createTrust(['10.0.0.0/8', '::1'])

it('believes no header of a client that is no trusted proxy', () => {
  expect(clientAddress('203.0.113.9', '1.2.3.4', trusts)).toBe('203.0.113.9')
})

it('reads from the right and stops at the first hop that is not trusted', () => {
  expect(clientAddress('10.0.0.1', '6.6.6.6, 203.0.113.9, 10.0.0.2', trusts)).toBe('203.0.113.9')
  expect(clientAddress('::ffff:10.0.0.1', '203.0.113.9:4711', trusts)).toBe('203.0.113.9')
  expect(clientAddress('10.0.0.1', '203.0.113.9, nonsense', trusts)).toBe('10.0.0.1')
})

it('names the entry of the list that is no address', () => {
  expect(() => createTrust(['10.0.0.0/99'])).toThrow('10.0.0.0/99')
})
