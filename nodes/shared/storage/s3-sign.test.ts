import { expect, test } from 'vitest'
import { signS3 } from './s3-sign.ts'

const credentials = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', region: 'us-east-1' }
const at = Date.UTC(2013, 4, 24)
const signatureOf = (call: Parameters<typeof signS3>[0]) => /Signature=(\w+)/.exec(signS3(call, credentials, at)['authorization']!)![1]

test.each([
  ['GET with a range', { method: 'GET', url: 'https://examplebucket.s3.amazonaws.com/test.txt', headers: { Range: 'bytes=0-9' } }, 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41'],
  ['PUT with a body', { method: 'PUT', url: 'https://examplebucket.s3.amazonaws.com/test%24file.text', headers: { Date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' }, body: Buffer.from('Welcome to Amazon S3.') }, '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd'],
  ['GET of a sub-resource', { method: 'GET', url: 'https://examplebucket.s3.amazonaws.com/?lifecycle', headers: {} }, 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'],
  ['GET with a query', { method: 'GET', url: 'https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J', headers: {} }, '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'],
])('%s has the signature of the published example', (_what, call, signature) => expect(signatureOf(call)).toBe(signature))
