import { fault } from '../../runtime/core/fault.ts'
import { setting } from '../../runtime/core/labels/labels.ts'
import { labelsOfTemplate } from '../../runtime/core/labels/of-value.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { parsePathTemplate, TemplateError } from '../../runtime/core/values/path-template.ts'
import { isSandboxCall } from '../../runtime/core/access/sandbox-call.ts'
import { openStorage } from '../shared/storage/open-storage.ts'

export interface DownloadConfig {
  readonly storage: string
  readonly key: string
  readonly name: string
  readonly timeoutMs: number
  readonly idleMs: number
}

const zh = (title: string, description: string) => ({ 'zh-TW': { title, description } })
/** Of the caller’s: parts and validators. */
const asked = ['range', 'if-range', 'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since'] as const
/** Of the storage’s that callers are given. */
const given = ['content-type', 'content-length', 'content-range', 'accept-ranges', 'etag', 'last-modified'] as const

/** Fetches an object of a storage as a stream. */
export const download = defineNode<DownloadConfig, 'out' | 'missing'>({
  type: 'download',
  category: 'callout',
  label: { en: 'download', 'zh-TW': '下載' },
  summary: { en: 'Streams an object of an S3-compatible storage to the caller, whole or in part.', 'zh-TW': '將 S3 相容儲存空間的物件串流給呼叫端，可為整個或部分。' },
  icon: 'fa-cloud-download',
  outputs: ['out', 'missing'],
  labels: setting('payload', 'headers', 'statusCode'),
  leaks: ({ key, name }, input) => [{ to: 'callout', what: 'the key', property: 'key', labels: labelsOfTemplate(key, input) }, { to: 'answer', what: 'the name', property: 'name', labels: labelsOfTemplate(name, input) }],
  faults: ['sandbox.none', 'storage.missing', 'storage.refused', 'upstream.connect', 'upstream.timeout', 'egress.denied', 'step.config'],
  config: {
    type: 'object',
    properties: {
      storage: { type: 'string', default: '', 'x-config': 'object storage', title: 'Storage', description: 'The bucket.', 'x-form': zh('儲存空間', '儲存桶。') },
      key: { type: 'string', default: '', title: 'Key', description: 'Of the object: uploads/{{req.params.id}}.', 'x-form': { control: 'template', ...zh('鍵', '物件的鍵：uploads/{{req.params.id}}。') } },
      name: { type: 'string', default: '', title: 'Saved as', description: 'File name that browsers save it under. Empty: they show it if they can.', 'x-form': { control: 'template', ...zh('另存檔名', '瀏覽器儲存時的檔名。留空則由瀏覽器直接顯示。') } },
      timeoutMs: { type: 'integer', minimum: 1, default: 10_000, title: 'Timeout (ms)', description: 'Until the storage begins to answer.', 'x-form': zh('逾時（毫秒）', '到儲存空間開始回應為止。') },
      idleMs: { type: 'integer', minimum: 100, default: 60_000, title: 'Longest silence (ms)', 'x-form': zh('最長靜默（毫秒）', '') },
    },
  },
  check(config, facts) {
    const problems: NodeProblem[] = []
    if (facts.typeOf(config.storage) !== 'object storage') problems.push({ code: 'config.missing', property: 'storage', message: 'The download names no object storage.', remedy: 'Choose one, or make one.' })
    if (config.key.trim() === '') problems.push({ code: 'storage.key', property: 'key', message: 'The download names no object.', remedy: 'Enter a key such as uploads/{{req.params.id}}.' })
    for (const property of ['key', 'name'] as const) {
      try {
        parsePathTemplate(config[property])
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error
        problems.push({ code: 'template.syntax', property, message: error.message, remedy: 'Write text that may hold {{req.params.id}}.' })
      }
    }
    return problems
  },
  compile(config, scope) {
    const storage = openStorage(scope, config.storage, { timeoutMs: config.timeoutMs, idleMs: config.idleMs })
    const key = parsePathTemplate(config.key)
    const name = parsePathTemplate(config.name)
    const missingWired = scope.isWired?.('missing') ?? false
    return async function download(message, run) {
      if (isSandboxCall(run, message)) throw fault('sandbox.none', { node: `“${scope.node.name ?? scope.node.type}”`, remedy: 'Lead sandbox callers around it.' })
      const path = key.render(message).replace(/^\/+/, '')
      if (path === '' || path.split('/').some((part) => part === '..' || part === '.')) throw fault('storage.missing')
      const headers: Record<string, string> = {}
      for (const one of asked) {
        const value = run.request?.headers[one]
        if (typeof value === 'string') headers[one] = value
      }
      const answer = await storage.open(run.request?.method === 'HEAD' ? 'HEAD' : 'GET', path, headers, run)
      const { status, body } = answer
      // Whoever does not take the stream in the end lets go of it.
      run.onEnd?.(() => body.discard())
      if (status === 404) {
        body.discard()
        if (missingWired) return { missing: message }
        throw fault('storage.missing')
      }
      if (status >= 400 && status !== 412 && status !== 416) {
        body.discard()
        throw fault('storage.refused', { host: new URL(storage.urlOf(path)).host, status })
      }
      const kept: Record<string, unknown> = {}
      for (const one of given) if (answer.headers[one] !== undefined) kept[one] = answer.headers[one]
      const saved = name.render(message)
      if (saved !== '') kept['content-disposition'] = toDisposition(saved)
      kept['x-content-type-options'] = 'nosniff'
      const isEmpty = status === 304 || status >= 400
      if (isEmpty) {
        body.discard()
        delete kept['content-length']
        delete kept['content-type']
      }
      return { out: { ...message, payload: isEmpty ? '' : body, statusCode: status, headers: kept } }
    }
  },
})

/** RFC 6266: a name in ASCII, and the whole one (RFC 8187). */
function toDisposition(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\/]/g, '_').slice(0, 150)
  return `attachment; filename="${plain}"; filename*=UTF-8''${encodeURIComponent(name.slice(0, 150).toWellFormed()).replace(/['()*]/g, (one) => `%${one.charCodeAt(0).toString(16)}`)}`
}
