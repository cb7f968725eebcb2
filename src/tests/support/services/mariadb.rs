//! MariaDB.

use super::Server;
use super::server::program;

pub async fn start() -> Server {
    let install = program(Some("/usr/bin/mariadb-install-db"), "mariadb-server");
    let mariadbd = program(Some("/usr/sbin/mariadbd"), "mariadb-server");
    let script = format!(
        "set -e; folder=$(mktemp -d)
         {install} --no-defaults --datadir=$folder/data --auth-root-authentication-method=normal \
           --skip-test-db
         {mariadbd} --no-defaults --datadir=$folder/data --socket=$folder/socket \
           --bind-address=127.0.0.1 --port=$PORT --skip-grant-tables --skip-log-bin \
           --innodb-flush-log-at-trx-commit=0 --max-connections=200 &
         server=$!"
    );
    Server::start("mysql", &script, |port| format!("mysql://root@127.0.0.1:{port}/mysql")).await
}
