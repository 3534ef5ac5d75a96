import { createHash, createHmac, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface StoredObject {
  readonly body: Buffer
  readonly type: string
}

export interface S3Server {
  readonly url: string
  readonly objects: Map<string, StoredObject>
  /** Uploads in parts that were begun and neither completed nor aborted. */
  readonly open: Map<string, { readonly key: string; readonly parts: Map<number, Buffer> }>
  /** `METHOD /path?query status`, in order. */
  readonly log: string[]
  /** Changes what is received of a body before it is looked at, as a bad wire would. */
  spoil: ((body: Buffer) => Buffer) | undefined
  /** Answers this status in place of its own to requests that fit. */
  fail: ((method: string, url: string) => number | undefined) | undefined
  close(): Promise<void>
}

/**
 * An S3-compatible storage in memory that believes nothing: signatures (AWS SigV4), hashes of bodies, checksums of parts and the
 * smallest size of parts are all held to.
 */
export async function startS3(accessKeyId: string, secret: string, region = 'us-east-1', smallestPart = 5 * 1024 * 1024): Promise<S3Server> {
  const objects = new Map<string, StoredObject>()
  const open = new Map<string, { key: string; type: string; parts: Map<number, Buffer> }>()
  const log: string[] = []
  const hash = (data: Buffer | string, encoding: 'hex' | 'base64' = 'hex') => createHash('sha256').update(data).digest(encoding)
  const encode = (text: string) => encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)

  function whyNotSigned(request: IncomingMessage, body: Buffer): string | undefined {
    const { authorization = '', 'x-amz-date': date, 'x-amz-content-sha256': bodyHash } = request.headers as Record<string, string>
    const [, who, day, where, names, signature] = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(authorization) ?? []
    if (names === undefined || who !== accessKeyId || where !== region || !date?.startsWith(day as string)) return 'InvalidAccessKeyId'
    if (bodyHash !== hash(body)) return 'XAmzContentSHA256Mismatch'
    const signed = names.split(';')
    const mustSign = Object.keys(request.headers).filter((name) => name === 'host' || name.startsWith('x-amz-'))
    if (mustSign.some((name) => !signed.includes(name))) return 'AccessDenied'
    const [path, query = ''] = (request.url as string).split('?')
    const sorted = query === '' ? '' : query.split('&').map((pair) => pair.split('=')).map(([name, value = '']) => `${encode(decodeURIComponent(name as string))}=${encode(decodeURIComponent(value))}`).sort().join('&')
    const canonical = `${request.method}\n${path}\n${sorted}\n${signed.map((name) => `${name}:${String(request.headers[name]).trim()}\n`).join('')}\n${names}\n${bodyHash}`
    const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
    const key = hmac(hmac(hmac(hmac(`AWS4${secret}`, day as string), region), 's3'), 'aws4_request')
    const wanted = hmac(key, `AWS4-HMAC-SHA256\n${date}\n${day}/${region}/s3/aws4_request\n${hash(canonical)}`).toString('hex')
    return wanted === signature ? undefined : 'SignatureDoesNotMatch'
  }

  function answer(response: ServerResponse, status: number, code: string): void {
    response.writeHead(status, { 'content-type': 'application/xml' }).end(`<?xml version="1.0"?><Error><Code>${code}</Code></Error>`)
  }

  function serve(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const { method = 'GET', headers } = request
    const url = new URL(request.url as string, 'http://s3')
    const key = decodeURIComponent(url.pathname.replace(/^\/[^/]+\//, ''))
    const why = whyNotSigned(request, body)
    if (why !== undefined) return answer(response, 403, why)
    const checksum = headers['x-amz-checksum-sha256']
    if (checksum !== undefined && checksum !== hash(body, 'base64')) return answer(response, 400, 'BadDigest')
    const failing = server.fail?.(method, request.url as string)
    if (failing !== undefined) return answer(response, failing, 'SlowDown')
    const id = url.searchParams.get('uploadId')
    const upload = id === null ? undefined : open.get(id)
    if (id !== null && !upload) return answer(response, 404, 'NoSuchUpload')
    if (method === 'POST' && url.searchParams.has('uploads')) {
      const made = `${randomUUID()}+/=&`
      open.set(made, { key, type: String(headers['content-type']), parts: new Map() })
      return void response.end(`<InitiateMultipartUploadResult><UploadId>${made.replaceAll('&', '&amp;')}</UploadId></InitiateMultipartUploadResult>`)
    }
    if (method === 'PUT' && upload) {
      if (checksum === undefined) return answer(response, 400, 'InvalidRequest')
      upload.parts.set(Number(url.searchParams.get('partNumber')), body)
      return void response.setHeader('etag', `"${hash(body).slice(0, 32)}"`).setHeader('x-amz-checksum-sha256', String(checksum)).end()
    }
    if (method === 'POST' && upload) {
      const said = [...body.toString('utf8').matchAll(/<Part><PartNumber>(\d+)<\/PartNumber><ETag>([^<]+)<\/ETag><ChecksumSHA256>([^<]+)<\/ChecksumSHA256><\/Part>/g)]
      const parts = said.map(([, number]) => upload.parts.get(Number(number)))
      const fits = said.length === upload.parts.size && said.every(([, , etag, sum], i) => parts[i] !== undefined && etag === `"${hash(parts[i]).slice(0, 32)}"` && sum === hash(parts[i], 'base64'))
      if (!fits) return answer(response, 400, 'InvalidPart')
      // As real ones do, it says with 200 that it failed.
      if (parts.slice(0, -1).some((part) => (part as Buffer).length < smallestPart)) return answer(response, 200, 'EntityTooSmall')
      objects.set(key, { body: Buffer.concat(parts as Buffer[]), type: upload.type })
      open.delete(id as string)
      return void response.end('<CompleteMultipartUploadResult/>')
    }
    if (method === 'DELETE') {
      if (id === null) objects.delete(key)
      else open.delete(id)
      return void response.writeHead(204).end()
    }
    if (method === 'PUT') {
      objects.set(key, { body, type: String(headers['content-type']) })
      return void response.end()
    }
    const object = objects.get(key)
    if (!object) return answer(response, 404, 'NoSuchKey')
    const etag = `"${hash(object.body).slice(0, 32)}"`
    if (headers['if-none-match'] === etag) return void response.writeHead(304, { etag }).end()
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? []
    if (from !== undefined && Number(from) >= object.body.length) return answer(response, 416, 'InvalidRange')
    const piece = from === undefined ? object.body : object.body.subarray(Number(from), to === '' ? undefined : Number(to) + 1)
    response.writeHead(from === undefined ? 200 : 206, {
      'content-type': object.type, 'content-length': piece.length, 'accept-ranges': 'bytes', etag, 'x-amz-request-id': 'secret-of-the-storage',
      ...(from === undefined ? {} : { 'content-range': `bytes ${from}-${Number(from) + piece.length - 1}/${object.body.length}` }),
    })
    response.end(method === 'HEAD' ? undefined : piece)
  }

  const http: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('error', () => {})
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      serve(request, response, server.spoil?.(body) ?? body)
      log.push(`${request.method} ${request.url?.replace(/uploadId=[^&]+/, 'uploadId=…')} ${response.statusCode}`)
    })
  })
  await new Promise<void>((done) => http.listen(0, '127.0.0.1', done))
  const server: S3Server = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, objects, open, log, spoil: undefined, fail: undefined,
    close: () => new Promise((done) => {
      http.closeAllConnections()
      http.close(() => done())
    }),
  }
  return server
}
