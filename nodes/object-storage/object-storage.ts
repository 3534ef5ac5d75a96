import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'

export interface ObjectStorageConfig {
  readonly endpoint: string
  readonly region: string
  readonly bucket: string
  readonly pathStyle: boolean
}

/** A bucket of an S3-compatible storage. Its keys are kept apart from the flow, or come from the environment. */
export const objectStorage = defineNode<ObjectStorageConfig, never>({
  type: 'object storage',
  category: 'callout',
  label: { en: 'object storage', 'zh-TW': '物件儲存' },
  summary: { en: 'A bucket of an S3-compatible storage, and the key for it.', 'zh-TW': 'S3 相容儲存空間的儲存桶及其金鑰。' },
  configNode: true,
  inputs: 0,
  outputs: [],
  credentials: { accessKeyId: 'text', secretAccessKey: 'password' },
  config: {
    type: 'object',
    'x-credentials': {
      accessKeyId: { label: { en: 'Access key id', 'zh-TW': '存取金鑰代號' } },
      secretAccessKey: { label: { en: 'Secret access key, or {{secret:name}} of the vault, or ${NAME} of the environment', 'zh-TW': '存取金鑰密碼，或保管庫的 {{secret:name}}，或環境變數 ${NAME}' } },
    },
    properties: {
      endpoint: { type: 'string', default: '', title: 'Endpoint', description: 'https://s3.example.org, or ${NAME} of the environment.', 'x-form': { 'zh-TW': { title: '端點', description: 'https://s3.example.org，或環境變數 ${NAME}。' } } },
      region: { type: 'string', default: 'us-east-1', title: 'Region', 'x-form': { 'zh-TW': { title: '區域' } } },
      bucket: { type: 'string', default: '', title: 'Bucket', 'x-form': { 'zh-TW': { title: '儲存桶' } } },
      pathStyle: { type: 'boolean', default: true, title: 'Bucket in the path', description: 'Off: the bucket is part of the host name, as Amazon S3 wants it.', 'x-form': { 'zh-TW': { title: '儲存桶置於路徑', description: '關閉時儲存桶為主機名稱的一部分，Amazon S3 採用此方式。' } } },
    },
  },
  check({ endpoint, bucket }) {
    const problems: NodeProblem[] = []
    const plain = endpoint.trim().replace(/^\$\{[^}]+\}$/, 'https://env.example')
    if (!/^https?:\/\/[^/]+\/?$/i.test(plain) || !URL.canParse(plain)) problems.push({ code: 'storage.endpoint', property: 'endpoint', message: 'The object storage has no address that could be called.', remedy: 'Write https://host without a path, or take it from a variable.' })
    if (!bucket.startsWith('${') && !/^[a-z0-9][a-z0-9._-]{1,62}$/i.test(bucket.trim())) problems.push({ code: 'storage.bucket', property: 'bucket', message: 'The object storage names no bucket.', remedy: 'Enter the name of a bucket, such as uploads.' })
    return problems
  },
})
