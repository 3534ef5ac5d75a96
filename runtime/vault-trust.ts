import { readFileSync } from 'node:fs'
import type { Settings } from './settings.ts'
import type { VaultTrust } from './vault/vault-link.ts'

/** What a process shows vaults, and by what it knows them. @throws Error when a file cannot be read */
export function vaultTrust(settings: Settings, role: 'gateway' | 'control'): { readonly [Part in keyof VaultTrust]: string | undefined } {
  const file = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path, 'utf8'))
  return {
    token: vaultTokens(settings, role)[0],
    ca: file(settings.vaultCaFile),
    cert: file(settings.vaultClientCertFile),
    key: file(settings.vaultClientKeyFile),
  }
}

/** Tokens of a role, from the environment or from their file. @throws Error when the file cannot be read */
export function vaultTokens(settings: Settings, role: 'gateway' | 'control'): readonly string[] {
  const [given, file] = role === 'gateway' ? [settings.vaultGatewayToken, settings.vaultGatewayTokenFile] : [settings.vaultControlToken, settings.vaultControlTokenFile]
  const lines = file === undefined ? [] : readFileSync(file, 'utf8').split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'))
  return [...given, ...lines]
}
