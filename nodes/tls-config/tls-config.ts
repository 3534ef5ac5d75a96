import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'

export interface TlsConfigConfig {
  readonly certType: 'files' | 'pfx' | 'env'
  readonly cert: string
  readonly key: string
  readonly ca: string
  readonly p12: string
  readonly servername: string
  readonly minVersion: '' | 'TLSv1.2' | 'TLSv1.3'
  readonly verifyservercert: boolean
  readonly alpnprotocol: string
  readonly certEnv: string
  readonly keyEnv: string
  readonly caEnv: string
}

const text = { type: 'string', default: '' } as const

/** Certificates and keys for callouts: a client certificate, authorities to trust, the name to expect. */
export const tlsConfig = defineNode<TlsConfigConfig, never>({
  type: 'tls-config',
  category: 'callout',
  label: { en: 'TLS configuration', 'zh-TW': 'TLS 設定' },
  summary: { en: 'Client certificate and trusted authorities for callouts.', 'zh-TW': '對外呼叫使用的用戶端憑證與信任的憑證機構。' },
  stockForm: 'network/05-tls',
  stockFormFields: ['minVersion'],
  configNode: true,
  inputs: 0,
  outputs: [],
  credentials: { certdata: 'text', keydata: 'hidden', cadata: 'text', p12data: 'hidden', passphrase: 'password' },
  config: {
    type: 'object',
    properties: {
      certType: { enum: ['files', 'pfx', 'env'], default: 'files', description: 'Where certificate and key come from: uploaded, a PKCS #12 file, or the environment.' },
      cert: text, key: text, ca: text, p12: text,
      certname: text, keyname: text, caname: text, p12name: text,
      servername: { ...text, description: 'Name that the server’s certificate must carry; default: the host of the URL.' },
      minVersion: {
        enum: ['', 'TLSv1.2', 'TLSv1.3'], default: '', title: 'Lowest version', description: 'Lowest TLS version spoken. Empty: 1.2.',
        'x-form': { 'zh-TW': { title: '最低版本', description: '可用的最低 TLS 版本。留空：1.2。', choices: { '': '預設' } } },
      },
      verifyservercert: { type: 'boolean', default: true },
      alpnprotocol: text,
      certEnv: text, keyEnv: text, caEnv: text,
    },
  },
  check(config) {
    const problems: NodeProblem[] = []
    for (const property of ['cert', 'key', 'ca', 'p12'] as const) {
      if (config[property].trim() === '') continue
      problems.push({ code: 'tls.file', property, message: 'The TLS configuration names a file of the machine, which flows cannot read.', remedy: 'Upload the file in the form, or put its text into an environment variable.' })
    }
    if (!config.verifyservercert) {
      problems.push({ code: 'tls.verify', property: 'verifyservercert', message: 'The verification of the server’s certificate is switched off.', remedy: 'Tick “Verify server certificate” and upload the certificate of the authority that signed it.' })
    }
    if (config.alpnprotocol.trim() !== '' && config.alpnprotocol.trim() !== 'http/1.1') {
      problems.push({ severity: 'warning', code: 'tls.alpn', property: 'alpnprotocol', message: `The ALPN protocol “${config.alpnprotocol}” is not used: whether callouts speak HTTP/2 is said in their node or in their upstream.`, remedy: 'Leave the field empty.' })
    }
    return problems
  },
})
