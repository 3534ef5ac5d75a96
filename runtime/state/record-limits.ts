import { fault } from '../core/fault.ts'

const keyLimitBytes = 512
const valueLimitBytes = 1_048_576

/** @throws Fault `state.too_large` */
export function checkRecord(key: string, value = '', member = ''): void {
  checkSize('key', key, keyLimitBytes)
  checkSize('member', member, keyLimitBytes)
  checkSize('value', value, valueLimitBytes)
}

function checkSize(what: string, text: string, limitBytes: number): void {
  if (text.length * 3 <= limitBytes) return
  const bytes = Buffer.byteLength(text)
  if (bytes > limitBytes) throw fault('state.too_large', { what, bytes, limitBytes })
}
