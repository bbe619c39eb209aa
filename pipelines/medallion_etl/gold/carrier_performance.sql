-- Each carrier's year: how much it flew, how punctual it was, how much it cancelled.
SELECT
  carrier,
  count(*) AS flights,
  count(DISTINCT tailnum) AS planes,
  CAST(sum(distance) AS BIGINT) AS miles,
  CAST(round(100.0 * count(*) FILTER (arr_delay <= 15) / count(*), 2) AS DECIMAL(5, 2)) AS on_time_percent,
  CAST(round(100.0 * count(*) FILTER (dep_time IS NULL) / count(*), 2) AS DECIMAL(5, 2)) AS cancelled_percent,
  CAST(round(sum(arr_delay)::DECIMAL(18, 4) / nullif(count(arr_delay), 0), 2) AS DECIMAL(9, 2)) AS mean_arr_delay
FROM silver.flights
GROUP BY carrier
ORDER BY flights DESC, carrier
