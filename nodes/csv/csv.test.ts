import { array, assert, property, string } from 'fast-check'
import iconv from 'iconv-lite'
import { describe, expect, it } from 'vitest'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { Body } from '../../runtime/core/http/body.ts'
import { csv } from './csv.ts'
import { readRecords } from './read-csv.ts'
import { writeRows } from './write-csv.ts'

const stock = { spec: 'rfc', sep: ',', hdrin: true, hdrout: 'none', multi: 'mult', ret: '\\r\\n', temp: '', skip: '0', strings: true, include_empty_strings: '', include_null_values: '' }
async function convert(config: object, message: unknown) {
  const node = await testNode(csv, { ...stock, ...config })
  return node.sendNow(message).map(({ message }) => message)
}

describe('csv, reading', () => {
  it('makes objects with the names of the first line', async () => {
    expect(await convert({}, { payload: 'a,b\r\n1,"x, ""y"""\r\n0123,-1.5e3\r\n', topic: 't' })).toEqual([{ payload: [{ a: 1, b: 'x, "y"' }, { a: '0123', b: -1500 }], columns: 'a,b', topic: 't' }])
    expect((await convert({ strings: false }, 'a\n1'))[0]?.payload).toEqual([{ a: '1' }])
  })
  it('takes names from the node, or makes some, and leaves unnamed columns out', async () => {
    expect((await convert({ hdrin: false, temp: 'x,,"y z"' }, '1,2,3'))[0]?.payload).toEqual([{ x: 1, 'y z': 3 }])
    expect((await convert({ hdrin: false }, '1,2\n3'))[0]).toMatchObject({ payload: [{ col1: 1, col2: 2 }, { col1: 3 }], columns: 'col1,col2' })
  })
  it('keeps empty cells only when told to', async () => {
    expect((await convert({}, 'a,b,c\n,"",1'))[0]?.payload).toEqual([{ c: 1 }])
    expect((await convert({ include_empty_strings: true, include_null_values: true }, 'a,b,c\n,"",1'))[0]?.payload).toEqual([{ a: null, b: '', c: 1 }])
  })
  it('sends a message per row that join can put together', async () => {
    const rows = await convert({ multi: 'one' }, { payload: 'a\n1\n2', _msgid: 'm' })
    expect(rows).toEqual([{ _msgid: 'm', payload: { a: 1 }, columns: 'a', parts: { id: 'm', index: 0, count: 2 } }, { _msgid: 'm', payload: { a: 2 }, columns: 'a', parts: { id: 'm', index: 1, count: 2 } }])
    await expect(convert({ multi: 'one' }, `a\n${'1\n'.repeat(10_001)}`)).rejects.toMatchObject({ code: 'flow.sequence_too_large' })
  })
  it('skips lines, takes tabs, marks and line breaks in quotes', async () => {
    expect((await convert({ skip: '1', sep: '\\t' }, '\uFEFFtitle\na\tb\n"x\ny"\t2'))[0]?.payload).toEqual([{ a: 'x\ny', b: 2 }])
  })
  it('reads Big5 bytes', async () => {
    const bytes = iconv.encode('站名,車數\n捷運松山站,12\n', 'big5')
    const expected = [{ 站名: '捷運松山站', 車數: 12 }]
    expect((await convert({ encoding: 'big5' }, { payload: bytes }))[0]?.payload).toEqual(expected)
    expect((await convert({}, { payload: bytes, encoding: 'Big5' }))[0]?.payload).toEqual(expected)
    expect((await convert({}, { payload: Body.ofBytes(Buffer.from('a\n臺北'), 'text/csv', (raw) => raw) }))[0]?.payload).toEqual([{ a: '臺北' }])
    await expect(convert({}, { payload: bytes, encoding: 'klingon' })).rejects.toMatchObject({ code: 'step.error' })
  })
  it('reads lines that came one by one, for each run apart', async () => {
    const node = await testNode(csv, stock)
    const [first, second] = [fakeRun(), fakeRun()]
    const line = (payload: string, index: number, run: typeof first) => node.sendNow({ payload, parts: { id: 'x', index, count: 3 } }, run).map(({ message }) => message)
    line('a,b', 0, first)
    line('c,d', 0, second)
    line('1,2', 1, first)
    expect(line('3,4', 2, first)).toEqual([{ payload: [{ a: 1, b: 2 }, { a: 3, b: 4 }], columns: 'a,b' }])
    line('5,6', 1, second)
    expect(line('7,8', 2, second)[0]?.payload).toEqual([{ c: 5, d: 6 }, { c: 7, d: 8 }])
  })
  it('cannot be made to touch a prototype', async () => {
    const [message] = await convert({}, '__proto__,b\n1,2')
    expect(Object.getPrototypeOf((message as { payload: object[] }).payload[0])).toBe(Object.prototype)
  })
  it('says where it cannot read', async () => {
    await expect(convert({}, 'a,b\n1,"open')).rejects.toThrow(/cannot be read/)
    await expect(convert({}, { payload: 5 })).rejects.toMatchObject({ code: 'step.error' })
  })
})

describe('csv, writing', () => {
  it('writes objects, arrays of objects, arrays of arrays and a row', async () => {
    const text = async (payload: unknown, config: object = {}) => (await convert(config, { payload }))[0]?.payload
    expect(await text({ a: 1, b: 'x,"y"' })).toBe('1,"x,""y"""\r\n')
    expect(await text([{ a: 1, b: null }, { b: 2 }], { hdrout: 'all', ret: '\\n' })).toBe('a,b\n1,\n,2\n')
    expect(await text([[1, 2], [3, 4]], { sep: ';' })).toBe('1;2\r\n3;4\r\n')
    expect(await text([1, 'b'])).toBe('1,b\r\n')
    expect(await text([{ a: 1, b: 2 }], { temp: 'b,c', hdrout: 'all' })).toBe('b,c\r\n2,\r\n')
    expect(await text([])).toBe('')
  })
  it('names columns from the message, and writes its header once per run', async () => {
    const node = await testNode(csv, { ...stock, hdrout: 'once' })
    const run = fakeRun()
    const message = { payload: [{ a: 1, b: 2 }], columns: 'b,a' }
    expect(node.sendNow(message, run)[0]?.message.payload).toBe('b,a\r\n2,1\r\n')
    expect(node.sendNow(message, run)[0]?.message.payload).toBe('2,1\r\n')
    expect(node.sendNow(message)[0]?.message.payload).toBe('b,a\r\n2,1\r\n')
  })
  it('writes Big5 as bytes', async () => {
    expect((await convert({ encoding: 'big5' }, { payload: [['臺北']] }))[0]?.payload).toEqual(iconv.encode('臺北\r\n', 'big5'))
  })
  it('writes what it reads', () => {
    const options = { separator: ',', numbers: false, emptyStrings: true, nullValues: true }
    assert(property(array(array(string(), { minLength: 1, maxLength: 4 }), { minLength: 1 }), (rows) => {
      const quoted = rows.map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',')).join('\r\n')
      const read = readRecords(quoted, options)
      expect(read).toEqual(rows)
      const solid = rows.map((row) => row.map((cell) => `x${cell}`))
      expect(readRecords(writeRows(solid, ',', '\r\n'), options)).toEqual(solid)
    }))
  })
  it('says what is wrong with its config', () => {
    expect(checkNode(csv, { ...stock, sep: '\\n' })).toMatchObject([{ code: 'csv.separator' }])
    expect(checkNode(csv, { ...stock, encoding: 'klingon' })).toMatchObject([{ code: 'csv.encoding' }])
    expect(checkNode(csv, { ...stock, temp: '"open' })).toMatchObject([{ code: 'csv.columns' }])
    expect(checkNode(csv, { ...stock, skip: -1 })).toMatchObject([{ code: 'config.invalid' }])
  })
})
