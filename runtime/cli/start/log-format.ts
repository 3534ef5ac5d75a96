import type { Settings } from '../../settings.ts'

/** `auto`: text for people at a terminal, JSON for everything else. */
export function formatOf(settings: Pick<Settings, 'logFormat'>): 'json' | 'text' {
  if (settings.logFormat !== 'auto') return settings.logFormat
  return process.stdout.isTTY === true ? 'text' : 'json'
}
