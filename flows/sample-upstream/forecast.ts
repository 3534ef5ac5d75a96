import { taipeiTime } from './taipei-time.ts'

/** Per county three periods of [weather, its code, chance of rain %, lowest °C, highest °C, comfort]. Invented. */
type Period = readonly [weather: string, code: number, rain: number, low: number, high: number, comfort: string]

const counties: Readonly<Record<string, readonly [Period, Period, Period]>> = {
  臺北市: [['多雲時陰短暫雨', 10, 40, 19, 23, '稍有寒意至舒適'], ['陰短暫雨', 11, 60, 17, 19, '稍有寒意'], ['多雲時晴', 3, 20, 18, 26, '舒適']],
  新北市: [['陰短暫雨', 11, 50, 18, 22, '稍有寒意至舒適'], ['陰短暫雨', 11, 60, 16, 18, '稍有寒意'], ['多雲', 4, 20, 17, 25, '舒適']],
  基隆市: [['陰有雨', 14, 80, 17, 20, '稍有寒意'], ['陰有雨', 14, 80, 16, 17, '稍有寒意'], ['陰短暫雨', 11, 50, 17, 21, '舒適']],
  桃園市: [['多雲', 4, 20, 18, 23, '舒適'], ['多雲時陰', 5, 30, 16, 18, '稍有寒意'], ['晴時多雲', 2, 10, 17, 26, '舒適']],
  新竹市: [['多雲時晴', 3, 10, 18, 24, '舒適'], ['多雲', 4, 10, 17, 18, '稍有寒意'], ['晴時多雲', 2, 0, 17, 26, '舒適']],
  臺中市: [['晴時多雲', 2, 0, 20, 28, '舒適'], ['多雲時晴', 3, 0, 18, 20, '舒適'], ['晴時多雲', 2, 0, 18, 29, '舒適至悶熱']],
  嘉義市: [['晴時多雲', 2, 0, 20, 29, '舒適至悶熱'], ['晴時多雲', 2, 0, 17, 20, '舒適'], ['晴', 1, 0, 18, 30, '舒適至悶熱']],
  臺南市: [['晴時多雲', 2, 0, 22, 29, '舒適至悶熱'], ['晴時多雲', 2, 0, 20, 22, '舒適'], ['晴', 1, 0, 20, 30, '舒適至悶熱']],
  高雄市: [['晴時多雲', 2, 0, 24, 30, '悶熱'], ['多雲', 4, 10, 22, 24, '舒適'], ['晴時多雲', 2, 0, 22, 30, '悶熱']],
  宜蘭縣: [['陰短暫雨', 11, 70, 18, 22, '稍有寒意至舒適'], ['陰有雨', 14, 80, 17, 18, '稍有寒意'], ['陰短暫雨', 11, 60, 18, 23, '舒適']],
  花蓮縣: [['多雲短暫雨', 8, 40, 20, 24, '舒適'], ['多雲短暫雨', 8, 40, 19, 20, '舒適'], ['多雲', 4, 20, 19, 26, '舒適']],
  臺東縣: [['多雲', 4, 20, 21, 27, '舒適'], ['多雲', 4, 20, 20, 21, '舒適'], ['晴時多雲', 2, 10, 20, 28, '舒適至悶熱']],
}

/** The 36-hour forecast, in the shape of the Central Weather Administration's data set F-C0032-001. */
export function forecast(now: Date): unknown {
  const times = periodsFrom(now)
  const location = Object.entries(counties).map(([locationName, periods]) => {
    const element = (elementName: string, parameter: (period: Period) => object) => ({
      elementName,
      time: periods.map((period, index) => ({ ...times[index], parameter: parameter(period) })),
    })
    return {
      locationName,
      weatherElement: [
        element('Wx', (period) => ({ parameterName: period[0], parameterValue: String(period[1]) })),
        element('PoP', (period) => ({ parameterName: String(period[2]), parameterUnit: '百分比' })),
        element('MinT', (period) => ({ parameterName: String(period[3]), parameterUnit: 'C' })),
        element('CI', (period) => ({ parameterName: period[5] })),
        element('MaxT', (period) => ({ parameterName: String(period[4]), parameterUnit: 'C' })),
      ],
    }
  })
  const fields = ['datasetDescription', 'locationName', 'parameterName', 'parameterValue', 'parameterUnit'].map((id) => ({ id, type: 'String' }))
  const timestamps = ['startTime', 'endTime'].map((id) => ({ id, type: 'Timestamp' }))
  return {
    success: 'true',
    result: { resource_id: 'F-C0032-001', fields: [...fields, ...timestamps] },
    records: { datasetDescription: '三十六小時天氣預報', location },
  }
}

/** Three half days that begin with the one `now` lies in: 06:00 to 18:00 and 18:00 to 06:00 in Taipei. */
function periodsFrom(now: Date): { startTime: string; endTime: string }[] {
  const halfDayMs = 12 * 3_600_000
  const offsetMs = 2 * 3_600_000 // 06:00 in Taipei is 22:00 UTC
  const first = Math.floor((now.getTime() + offsetMs) / halfDayMs) * halfDayMs - offsetMs
  return [0, 1, 2].map((half) => ({
    startTime: taipeiTime(new Date(first + half * halfDayMs)),
    endTime: taipeiTime(new Date(first + (half + 1) * halfDayMs)),
  }))
}
