import { expect, test } from 'vitest'
import { definitions } from '../nodes/index.ts'
import { findStalePages } from './docs.ts'

test('the page of every node says what its definition says, in both languages (else run `npm run docs`)', async () => {
  expect(await findStalePages(definitions)).toEqual([])
})
