import { expect, test } from 'vitest'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { download } from './download.ts'

const configNodes = { s3: { type: 'object storage', config: { endpoint: 'https://s3.example', bucket: 'files', region: 'us-east-1', pathStyle: true }, credentials: { accessKeyId: 'a', secretAccessKey: 'b' } } }

test('a download needs a storage and a key', () => {
  expect(checkNode(download, {}).map(({ code }) => code)).toEqual(['config.missing', 'storage.key'])
  expect(checkNode(download, { storage: 's3', key: 'a/{{req.params.id}}' }, { configNodes })).toEqual([])
  expect(checkNode(download, { storage: 's3', key: '{{' }, { configNodes }).map(({ property }) => property)).toEqual(['key'])
})

test('a key that leads out of its folder is none, and sandbox callers get to no object', async () => {
  const node = await testNode(download, { storage: 's3', key: 'out/{{payload}}' }, { configNodes })
  await expect(node.send({ payload: '../in/secret' })).rejects.toMatchObject({ code: 'storage.missing', status: 404 })
  await expect(node.send({ payload: 'x' }, fakeRun({ request: {}, environment: 'sandbox' }))).rejects.toMatchObject({ code: 'sandbox.none' })
})
