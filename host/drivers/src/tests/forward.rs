use std::net::Ipv4Addr;

/// Forwards a port to another, byte for byte, as long as it lives.
pub(super) struct Forward {
    pub(super) port: u16,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(super) async fn forward(at: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) -> Forward {
    let listener = tokio::net::TcpListener::bind(at).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let mut open = tokio::task::JoinSet::new();
        while let Ok((mut here, _)) = listener.accept().await {
            open.spawn(async move {
                if let Ok(mut there) = tokio::net::TcpStream::connect(to).await {
                    drop(tokio::io::copy_bidirectional(&mut here, &mut there).await);
                }
            });
        }
    });
    Forward { port, task }
}
