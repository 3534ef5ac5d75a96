import { readFileSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { Log } from '../core/log.ts'
import { watchContents } from '../core/files/watch-contents.ts'
import type { TlsHost, TlsOptions } from './tls.ts'

/** TLS settings by file name; the shape of {@link TlsOptions} with paths in place of contents. */
export interface TlsFiles extends Omit<TlsOptions, 'cert' | 'key' | 'clientCa' | 'hosts'> {
  readonly certFile: string
  readonly keyFile: string
  readonly clientCaFile?: string
  readonly hosts?: Readonly<Record<string, TlsHostFiles>>
}

export interface TlsHostFiles extends Omit<TlsHost, 'cert' | 'key' | 'clientCa'> {
  readonly certFile: string
  readonly keyFile: string
  readonly clientCaFile?: string
}

/** Reads the files. @throws Error when one cannot be read, or a certificate and its key do not belong together */
export function loadTls(files: TlsFiles): TlsOptions {
  const hosts: Record<string, TlsHost> = {}
  for (const [name, host] of Object.entries(files.hosts ?? {})) hosts[name] = loadHost(host)
  const { minVersion, http2 } = files
  return { ...loadHost(files), ...(minVersion ? { minVersion } : {}), ...(http2 === undefined ? {} : { http2 }), hosts }
}

function loadHost(files: TlsHostFiles): TlsHost {
  const { certFile, keyFile, clientCaFile, passphrase, clientCertificate } = files
  const cert = readFileSync(certFile)
  const key = readFileSync(keyFile)
  createSecureContext({ cert, key, ...(passphrase === undefined ? {} : { passphrase }) })
  return {
    cert,
    key,
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
    ...(clientCaFile === undefined ? {} : { clientCa: readFileSync(clientCaFile) }),
  }
}

/**
 * Calls `apply` with new certificates when a file changes ({@link watchContents}). What cannot be used is logged and the old ones stay.
 * @returns what stops the watching
 */
export function watchTls(files: TlsFiles, apply: (options: TlsOptions) => void, log: Log, pollMs?: number): () => void {
  const paths = [files, ...Object.values(files.hosts ?? {})].flatMap((host) => [host.certFile, host.keyFile, ...(host.clientCaFile ? [host.clientCaFile] : [])])
  return watchContents(paths, () => {
    try {
      const options = loadTls(files)
      apply(options)
      log.info({ validTo: new X509Certificate(options.cert).validTo }, 'TLS certificates were renewed.')
    } catch (error) {
      log.error({ reason: (error as Error).message }, 'New TLS certificates cannot be used; the old ones stay.')
    }
  }, pollMs)
}
