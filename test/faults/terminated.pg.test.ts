import { sql } from './support/sql.ts';
import { whileReading } from './support/while-reading.ts';

whileReading('a server that terminates our backends again and again', {
  everyRows: 2_500,
  times: 6,
  happen: (server) =>
    sql(server, 'postgres', `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'backstitch%'`),
});
