import { expect, test } from 'vitest'
import { checkNode } from '../../test/kit/node-tester.ts'
import { objectStorage } from './object-storage.ts'

test('a storage needs an address and a bucket; both may come from the environment', () => {
  expect(checkNode(objectStorage, { endpoint: 'https://s3.example.org', bucket: 'uploads' })).toEqual([])
  expect(checkNode(objectStorage, { endpoint: '${S3}', bucket: '${BUCKET}' })).toEqual([])
  expect(checkNode(objectStorage, {}).map(({ property }) => property)).toEqual(['endpoint', 'bucket'])
  expect(checkNode(objectStorage, { endpoint: 'ftp://x', bucket: 'a/b' }).map(({ code }) => code)).toEqual(['storage.endpoint', 'storage.bucket'])
})
