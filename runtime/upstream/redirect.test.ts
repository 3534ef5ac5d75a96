import { expect, test } from 'vitest'
import { createHideText } from '../core/secrets/secret-forms.ts'
import { follow } from './redirect.ts'

const hide = createHideText(['plugh & plover'])
const hop = (body: string | Buffer) => ({ method: 'POST', url: 'https://a.example/x', headers: { 'X-Key': 'v1 plugh & plover', 'X-Basic': Buffer.from('u:plugh & plover').toString('base64'), accept: 'text/plain' }, body })

test('a redirect to another server goes without headers that hold a secret, and is not followed with a body that does', () => {
  expect(follow(hop('{}'), 307, 'https://b.example/', hide)).toMatchObject({ headers: { accept: 'text/plain' }, body: '{}', bodySecret: false })
  expect(Object.keys(follow(hop('{}'), 307, 'https://b.example/', hide)?.headers ?? {})).toEqual(['accept'])
  for (const body of ['k=plugh+%26+plover', Buffer.from('{"k":"plugh & plover"}')]) expect(follow(hop(body), 307, 'https://b.example/', hide)?.bodySecret).toBe(true)
  expect(follow(hop('k=plugh+%26+plover'), 303, 'https://b.example/', hide)).toMatchObject({ method: 'GET', bodySecret: false })
})

test('to the same server all of it goes', () => {
  expect(follow(hop('k=plugh+%26+plover'), 307, '/y', hide)).toMatchObject({ headers: { 'X-Key': 'v1 plugh & plover' }, bodySecret: false })
  expect(follow(hop('plugh & plover'), 307, 'https://b.example/')).toMatchObject({ headers: { 'X-Key': 'v1 plugh & plover' }, bodySecret: false })
})
